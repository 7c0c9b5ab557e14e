"""What laps tell: where time is lost, how corners are driven, how steady a driver is."""

"""Passings to laps: the rules of the sport as pure functions over frozen values."""

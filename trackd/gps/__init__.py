"""GPS recordings: from a logger's file to laps with evidence. Pure; arrays are numpy."""

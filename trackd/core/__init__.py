"""What every layer speaks: time, identities, records of the wire, errors. Pure; imports nothing of trackd."""

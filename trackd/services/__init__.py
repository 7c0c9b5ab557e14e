"""What the appliance does: the live path, sessions, roster, pairing of facts with screens."""

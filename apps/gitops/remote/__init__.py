"""Speaking Git with repositories, in this process: no program is run, no hook, no configuration is read."""

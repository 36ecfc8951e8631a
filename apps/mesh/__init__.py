"""What is true about a mesh, in plain Python: no Django, no network, no clock of its own."""

"""Checks on routes, gateways, destination rules and the ports of Services: does traffic go where they say."""

"""Checks on Istio's own proxies: are they where the webhooks would put them."""

"""Kubernetes and Istio objects as values: what the rules need of them, and nothing of how they arrived."""

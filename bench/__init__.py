"""Measurements that people can repeat with `make bench`. Nothing of the product imports this."""

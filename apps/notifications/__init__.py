"""What is told to whom: events of changes as mail and as signed webhooks, retried, never in the way."""

"""The append-only ledger of a coalition and its audit: needs neither torch nor simpy."""

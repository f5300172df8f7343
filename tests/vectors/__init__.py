"""Golden vectors of the ledger format (docs/ledger-format.md) and the script that writes them."""

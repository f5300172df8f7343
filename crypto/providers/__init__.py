"""The signature libraries, one module each; ``crypto.signature`` chooses among them."""

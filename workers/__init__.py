"""One job in, one evaluation out."""

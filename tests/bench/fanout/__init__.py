"""One message to very many: our hub, its peers, and the subscribers that measure them."""

"""SalonOS: the back office of a salon, and of a chain of them, behind one GraphQL schema."""

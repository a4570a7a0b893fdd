"""Proofs of the books."""

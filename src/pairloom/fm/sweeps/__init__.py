"""Solvers that sweep over columns of data in memory: ALS and Gibbs sampling."""

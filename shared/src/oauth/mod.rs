//! The OAuth contract between the two servers and their clients.

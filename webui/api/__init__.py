"""REST: our own routes (v1) behind Host and Origin checks and security headers (security)."""

"""HTTP requests that have an end, and their pace. Only a verb or option that says so ever comes here."""

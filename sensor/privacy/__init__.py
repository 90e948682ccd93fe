"""From an exchange and what is known of its certificate to who disclosed what to whom."""

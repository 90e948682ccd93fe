"""What can be imported: files in several forms to certificates, or to what a search of crt.sh says of them."""

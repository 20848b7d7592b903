"""Add-ons' scripts: runs that make many pictures of one request, and go on where they were after a restart."""

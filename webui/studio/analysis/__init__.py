"""What many pictures say together: when they were made, with which words, and what the good ones have in common. No IO."""

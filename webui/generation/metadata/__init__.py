"""What other programs write into their pictures, told in AUTOMATIC1111's words (webui.generation.infotext). No IO."""

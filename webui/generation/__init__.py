"""The words of the trade: requests, results, events, infotext, sampler names. No torch, no IO."""

"""Arguments, attributes and methods that callers of the published class use beside `infer`."""

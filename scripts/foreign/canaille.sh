with_canaille() { :; }

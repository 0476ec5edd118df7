// Command rego is OPA's own compiler as a WebAssembly reactor: one call in, one answer out, no files, no network.
// wasm.go holds the exports; everything else builds on any platform, so that `go vet` sees it.
package main

func main() {}

//go:build wasip1

package main

import "unsafe"

// kept holds every buffer that the host may still read or write: without it the collector would reclaim them, since an
// address handed through a wasm export is no reference.
var kept = map[uint32][]byte{}

func keep(buffer []byte) uint32 {
	address := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
	kept[address] = buffer
	return address
}

// alloc gives the host `size` bytes to write a request into; the host returns them with dealloc.
//
//go:wasmexport alloc
func alloc(size uint32) uint32 {
	return keep(make([]byte, max(size, 1)))
}

//go:wasmexport dealloc
func dealloc(address uint32) {
	delete(kept, address)
}

// call answers the JSON request at address. The result is address<<32 | length of the JSON answer, which the host
// returns with dealloc.
//
//go:wasmexport call
func call(address uint32, size uint32) uint64 {
	answer := handle(kept[address][:size])
	return uint64(keep(answer))<<32 | uint64(len(answer))
}

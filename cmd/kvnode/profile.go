package main

import (
	"net/http"
	"net/http/pprof"
	"runtime"
)

// Sampling of what goroutines wait for: one contended lock of mutexFraction, and one
// wait for each blockNanoseconds that goroutines spent waiting.
const (
	mutexFraction    = 100
	blockNanoseconds = 100_000
)

// profileHandler serves the profiles of package net/http/pprof under /debug/pprof/ and
// everything else as next does.
func profileHandler(next http.Handler) http.Handler {
	runtime.SetMutexProfileFraction(mutexFraction)
	runtime.SetBlockProfileRate(blockNanoseconds)
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

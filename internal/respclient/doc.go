// Package respclient is a small Redis client for the tools: one connection that is
// used by one goroutine, without retries, redirects or hidden state, so that what
// happened is what was asked for. It speaks RESP2.
package respclient

package replica

import "io"

// pacedWriter calls rest after each write.
type pacedWriter struct {
	w    io.Writer
	rest func()
}

// Write implements io.Writer.
func (p pacedWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.rest()
	return n, err
}

// pacedReader calls rest after each read.
type pacedReader struct {
	r    io.Reader
	rest func()
}

// Read implements io.Reader.
func (p pacedReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.rest()
	return n, err
}

// Package golden keeps files that a build of ringkv wrote, so that every later build
// shows in its tests that it still reads them.
//
// They are in testdata/golden of the package whose format they have, and are called
// after their generation, a number: 1.snapshot, 2.snapshot. `make golden
// GENERATION=n` makes the build at hand write the files of a new generation; it is
// run whenever a format gets another version. What is there is never written again:
// it stands for the volumes that people have.
package golden

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var generation = flag.Uint("golden", 0, "write the golden files of this new generation")

const folder = "testdata/golden"

// Read calls read for the file "<generation>.<kind>" of every generation, and fails
// if there is none. When a new generation is to be written, write makes its file
// first.
func Read(t *testing.T, kind string, write func(t *testing.T) []byte, read func(t *testing.T, content []byte)) {
	if *generation > 0 {
		create(t, fmt.Sprintf("%d.%s", *generation, kind), write(t))
	}
	names, err := filepath.Glob(filepath.Join(folder, "*."+kind))
	require.NoError(t, err)
	require.NotEmpty(t, names, "no golden file is called *.%s", kind)
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		t.Run(strings.TrimSuffix(filepath.Base(name), "."+kind), func(t *testing.T) {
			t.Parallel()
			read(t, content)
		})
	}
}

func create(t *testing.T, name string, content []byte) {
	require.NoError(t, os.MkdirAll(folder, 0o755))
	f, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	require.NoError(t, err, "a golden file is never written again: choose a new generation")
	_, err = f.Write(content)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// Pack makes a golden file of a folder.
func Pack(t *testing.T, dir string) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	require.NoError(t, err)
	w := tar.NewWriter(z)
	require.NoError(t, w.AddFS(os.DirFS(dir)))
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	return b.Bytes()
}

// Unpack returns a folder with what Pack took. It may be changed.
func Unpack(t *testing.T, content []byte) (dir string) {
	dir = t.TempDir()
	z, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if err == io.EOF { //nolint:errorlint // the end is never wrapped
			return dir
		}
		require.NoError(t, err)
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.FileInfo().IsDir() {
			require.NoError(t, os.MkdirAll(name, 0o755))
			continue
		}
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, b, 0o644))
	}
}

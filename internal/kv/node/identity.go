package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/ringkv/ringkv/internal/kv/cluster"
	"github.com/ringkv/ringkv/internal/kv/vfs"
)

// formatVersion is that of the files which a node keeps beside its log.
const formatVersion = 1

const (
	identityFile = "node.json"
	mapFile      = "map.json"
	lockFile     = "LOCK"
)

// identity is what makes a volume a node: written once, on an empty volume.
type identity struct {
	FormatVersion int            `json:"formatVersion"`
	NodeID        cluster.NodeID `json:"nodeID"`
}

// loadIdentity returns the identity that the volume holds, or gives it a new one
// if it is empty. A volume with data but without an identity is refused: starting
// it under a new one would make its replicas vote as strangers.
func loadIdentity(fs vfs.FS, dir string) (identity, error) {
	var id identity
	err := readJSON(fs, path.Join(dir, identityFile), &id)
	switch {
	case err == nil:
		if id.FormatVersion != formatVersion {
			return id, fmt.Errorf("%s has format version %d, this program knows %d: use the kvnode that wrote it, or a newer one",
				path.Join(dir, identityFile), id.FormatVersion, formatVersion)
		}
		if len(id.NodeID) != 40 {
			return id, fmt.Errorf("%s is damaged: node ID %q is not 40 hexadecimal digits", path.Join(dir, identityFile), id.NodeID)
		}
		return id, nil
	case !errors.Is(err, os.ErrNotExist):
		return id, err
	}
	names, err := fs.List(dir)
	if err != nil {
		return id, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, n := range names {
		if n == logDir || n == mapFile {
			return id, fmt.Errorf("%s holds %s but no %s: this is not an empty volume and not a whole one; restore the file or empty the volume",
				dir, n, identityFile)
		}
	}
	id = identity{FormatVersion: formatVersion, NodeID: cluster.NewNodeID()}
	return id, writeJSON(fs, dir, identityFile, id)
}

// membership is the node-level record in the log: to which cluster this volume
// belongs. Joined turns true when all replicas of the first map are in the log.
type membership struct {
	ClusterID string `json:"clusterID"`
	Joined    bool   `json:"joined"`
}

// readJSON decodes a whole file. Errors name the file.
func readJSON(fs vfs.FS, name string, into any) error {
	f, err := fs.Open(name)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s is damaged: %w", name, err)
	}
	return nil
}

// writeJSON replaces a file as a whole: after a crash it holds the old or the new.
func writeJSON(fs vfs.FS, dir, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	temp := path.Join(dir, name+".tmp")
	f, err := fs.Create(temp)
	if err != nil {
		return fmt.Errorf("create %s: %w", temp, err)
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = fs.Rename(temp, path.Join(dir, name))
	}
	if err == nil {
		err = fs.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path.Join(dir, name), err)
	}
	return nil
}

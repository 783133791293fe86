package objects

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/ringkv/ringkv/internal/kv/coordinator"
)

// The keys of the ConfigMap that keeps the coordinator's record, and its format.
const (
	recordKey    = "record.json"
	recordFormat = "format"
	formatOne    = "1"
)

// RecordData is the content of the ConfigMap for a record.
func RecordData(r *coordinator.Record) (map[string]string, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the record: %w", err)
	}
	return map[string]string{recordFormat: formatOne, recordKey: string(b)}, nil
}

// ReadRecord returns the record that a ConfigMap keeps.
func ReadRecord(cm *corev1.ConfigMap) (*coordinator.Record, error) {
	if format := cm.Data[recordFormat]; format != formatOne {
		return nil, fmt.Errorf("ConfigMap %s has format %q; this build knows format %s", cm.Name, format, formatOne)
	}
	r := &coordinator.Record{}
	if err := json.Unmarshal([]byte(cm.Data[recordKey]), r); err != nil {
		return nil, fmt.Errorf("ConfigMap %s is damaged: %w", cm.Name, err)
	}
	r.Version = cm.ResourceVersion
	return r, nil
}

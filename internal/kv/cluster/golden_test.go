package cluster

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringkv/ringkv/internal/kv/vfs/golden"
)

// spoken is one of everything that nodes and the coordinator store or tell each other.
type spoken struct {
	Map            Map
	NodeStatus     NodeStatus
	Leadership     Leadership
	KeyStatus      KeyStatus
	CreateReplica  CreateReplica
	ChangeConfig   ChangeConfig
	TransferLeader TransferLeader
	RemoveReplica  RemoveReplica
	SoleVoter      SoleVoter
}

// fill sets everything in v to something that is not empty, so that nothing is left
// out of the JSON.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-7)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	default:
		panic("no value for a " + v.Type().String())
	}
}

func filled(t *testing.T) []byte {
	var s spoken
	fill(reflect.ValueOf(&s).Elem())
	b, err := json.MarshalIndent(s, "", "  ")
	require.NoError(t, err)
	return append(b, '\n')
}

// TestNoFieldIsRenamedOrRemoved: fields may be added, never renamed, removed or given
// another type, because maps rest on volumes and builds talk to each other while a
// cluster is upgraded.
func TestNoFieldIsRenamedOrRemoved(t *testing.T) {
	golden.Read(t, "json", filled, func(t *testing.T, content []byte) {
		d := json.NewDecoder(bytes.NewReader(content))
		d.DisallowUnknownFields()
		var got spoken
		require.NoError(t, d.Decode(&got))
		b, err := json.Marshal(got)
		require.NoError(t, err)
		var before, now any
		require.NoError(t, json.Unmarshal(content, &before))
		require.NoError(t, json.Unmarshal(b, &now))
		requireWithin(t, before, now)
	})
}

// requireWithin fails unless all that old has is in present as well, with that value.
func requireWithin(t *testing.T, old, present any) {
	switch old := old.(type) {
	case map[string]any:
		for name, v := range old {
			require.Contains(t, present, name)
			requireWithin(t, v, present.(map[string]any)[name])
		}
	case []any:
		require.Len(t, present, len(old))
		for i, v := range old {
			requireWithin(t, v, present.([]any)[i])
		}
	default:
		require.Equal(t, old, present)
	}
}

// Package kvv1 is the public API of a ringkv cluster, generated from kv.proto.
package kvv1

import _ "embed"

// OpenAPI describes the API, as OpenAPI 3.1 in YAML.
//
//go:embed openapi.yaml
var OpenAPI string

// Command openapi is a plugin of protoc and buf that describes services as OpenAPI
// 3.1: every method as the Connect protocol serves it over HTTP, a POST with JSON. The
// comments of the proto file become the descriptions.
//
// The parameter base=FILE names a document of OpenAPI (relative to the folder that the
// plugin runs in) that the result is added to: what is not in the proto file.
package main

import (
	"fmt"
	"os"
	"path"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/pluginpb"
	"sigs.k8s.io/yaml"
)

func main() {
	var base string
	protogen.Options{ParamFunc: func(name, value string) error {
		if name != "base" {
			return fmt.Errorf("unknown parameter %q: base is known", name)
		}
		base = value
		return nil
	}}.Run(func(p *protogen.Plugin) error {
		p.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
		for _, f := range p.Files {
			if !f.Generate {
				continue
			}
			d, err := newDocument(base)
			if err != nil {
				return err
			}
			d.add(f)
			b, err := yaml.Marshal(d.root)
			if err != nil {
				return err
			}
			out := p.NewGeneratedFile(path.Join(path.Dir(f.Desc.Path()), "openapi.yaml"), "")
			fmt.Fprintf(out, "# Generated from %s. DO NOT EDIT.\n%s", f.Desc.Path(), b)
		}
		return nil
	})
}

// object is a JSON object; its keys are sorted when it is written.
type object = map[string]any

// document is the description that is being made.
type document struct{ root, paths, schemas object }

func newDocument(base string) (*document, error) {
	d := &document{root: object{}}
	if base != "" {
		b, err := os.ReadFile(base)
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(b, &d.root); err != nil {
			return nil, fmt.Errorf("%s: %w", base, err)
		}
	}
	d.paths = child(d.root, "paths")
	d.schemas = child(child(d.root, "components"), "schemas")
	return d, nil
}

// child returns the object under a key, which it makes if it is missing.
func child(o object, key string) object {
	c, ok := o[key].(object)
	if !ok {
		c = object{}
		o[key] = c
	}
	return c
}

func (d *document) add(f *protogen.File) {
	d.schemas["connect.Error"] = object{
		"type": "object", "description": "An error of the Connect protocol.",
		"properties": object{
			"code":    object{"type": "string", "description": "Such as not_found or unavailable."},
			"message": object{"type": "string"},
			"details": object{"type": "array", "items": object{"type": "object", "properties": object{
				"type":  object{"type": "string", "description": "The full name of the detail's message."},
				"value": object{"type": "string", "description": "The detail in protobuf's binary form, as base64."},
				"debug": object{"description": "The detail as JSON."},
			}}},
		},
	}
	for _, s := range f.Services {
		for _, m := range s.Methods {
			d.paths["/"+string(s.Desc.FullName())+"/"+string(m.Desc.Name())] = object{"post": d.operation(s, m)}
		}
	}
	for _, e := range f.Enums {
		d.enum(e)
	}
}

// operation describes a method. A stream's messages come with an envelope of five bytes
// each, which is another media type.
func (d *document) operation(s *protogen.Service, m *protogen.Method) object {
	d.message(m.Input)
	d.message(m.Output)
	media, text := "application/json", comment(m.Comments)
	if m.Desc.IsStreamingServer() {
		media = "application/connect+json"
		text += "\n\nThe answer is a stream: see https://connectrpc.com/docs/protocol#streaming-rpcs."
	}
	body := func(schema string) object {
		return object{media: object{"schema": reference(schema)}}
	}
	return object{
		"operationId": string(s.Desc.Name()) + "_" + string(m.Desc.Name()),
		"tags":        []any{string(s.Desc.FullName())},
		"description": text,
		"requestBody": object{"required": true, "content": body(string(m.Input.Desc.FullName()))},
		"responses": object{
			"200":     object{"description": "Success.", "content": body(string(m.Output.Desc.FullName()))},
			"default": object{"description": "Failure.", "content": object{"application/json": object{"schema": reference("connect.Error")}}},
		},
	}
}

// message describes a message, and what it refers to, once.
func (d *document) message(m *protogen.Message) {
	name := string(m.Desc.FullName())
	if d.schemas[name] != nil || wellKnown[name] != nil {
		return
	}
	properties := object{}
	schema := object{"type": "object", "properties": properties}
	if text := comment(m.Comments); text != "" {
		schema["description"] = text
	}
	d.schemas[name] = schema
	for _, f := range m.Fields {
		if f.Message != nil {
			d.message(f.Message)
		}
		p := field(f)
		if f.Desc.IsList() {
			p = object{"type": "array", "items": p}
		}
		text := comment(f.Comments)
		if f.Oneof != nil && !f.Oneof.Desc.IsSynthetic() {
			text = strings.TrimSpace(text + "\nOne of those that set " + string(f.Oneof.Desc.Name()) + ".")
		}
		if text != "" {
			p["description"] = text
		}
		properties[f.Desc.JSONName()] = p
	}
}

func (d *document) enum(e *protogen.Enum) {
	var names []any
	text := []string{comment(e.Comments)}
	for _, v := range e.Values {
		names = append(names, string(v.Desc.Name()))
		if c := comment(v.Comments); c != "" {
			text = append(text, "- "+string(v.Desc.Name())+": "+strings.ReplaceAll(c, "\n", " "))
		}
	}
	d.schemas[string(e.Desc.FullName())] = object{"type": "string", "enum": names, "description": strings.Join(text, "\n")}
}

// wellKnown are messages that have a JSON form of their own.
var wellKnown = map[string]object{
	"google.protobuf.Duration":  {"type": "string", "examples": []any{"60s", "0.250s"}},
	"google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
}

// field is the schema of one value of a field, in protobuf's JSON form.
func field(f *protogen.Field) object {
	switch f.Desc.Kind() {
	case protoreflect.MessageKind:
		if known := wellKnown[string(f.Message.Desc.FullName())]; known != nil {
			out := object{}
			for k, v := range known {
				out[k] = v
			}
			return out
		}
		return reference(string(f.Message.Desc.FullName()))
	case protoreflect.EnumKind:
		return reference(string(f.Enum.Desc.FullName()))
	case protoreflect.BoolKind:
		return object{"type": "boolean"}
	case protoreflect.BytesKind:
		return object{"type": "string", "contentEncoding": "base64"}
	case protoreflect.Int32Kind, protoreflect.Uint32Kind:
		return object{"type": "integer"}
	case protoreflect.Int64Kind, protoreflect.Uint64Kind:
		return object{"type": []any{"string", "integer"}, "format": f.Desc.Kind().String()}
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return object{"type": "number"}
	default:
		return object{"type": "string"}
	}
}

func reference(schema string) object { return object{"$ref": "#/components/schemas/" + schema} }

// comment returns a leading comment as text.
func comment(c protogen.CommentSet) string {
	lines := strings.Split(string(c.Leading), "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], " ")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/version"
)

//go:embed builtins.txt
var builtinsText string

// builtinSections reads builtins.txt: name -> section.
func builtinSections() map[string]string {
	names, section := map[string]string{}, ""
	for _, line := range strings.Split(builtinsText, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		default:
			names[line] = section
		}
	}
	return names
}

// capabilities are those of this OPA, with the built-ins cut down to our list and remote schema references forbidden.
func capabilities(extra ...string) *ast.Capabilities {
	allowed := builtinSections()
	for _, name := range extra {
		allowed[name] = "internal"
	}
	caps := ast.CapabilitiesForThisVersion()
	kept := make([]*ast.Builtin, 0, len(allowed))
	for _, builtin := range caps.Builtins {
		if allowed[builtin.Name] != "" {
			kept = append(kept, builtin)
		}
	}
	caps.Builtins = kept
	caps.AllowNet = []string{}
	return caps
}

// testCapabilities add what the test runner itself injects.
func testCapabilities() *ast.Capabilities {
	return capabilities(ast.InternalPrint.Name, ast.InternalTestCase.Name)
}

func opCapabilities(*request) (any, error) {
	caps := capabilities()
	known := map[string]bool{}
	for _, builtin := range caps.Builtins {
		known[builtin.Name] = true
	}
	host, native := []string{}, []string{}
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		switch builtinSections()[builtin.Name] {
		case "host":
			host = append(host, builtin.Name)
		case "native":
			native = append(native, builtin.Name)
		}
	}
	for name := range builtinSections() {
		if !known[name] {
			return nil, fmt.Errorf("builtins.txt names %s, which this OPA does not have", name)
		}
	}
	return map[string]any{"capabilities": caps, "host": host, "native": native}, nil
}

func opVersion(*request) (any, error) {
	return map[string]any{"opa": version.Version, "go": version.GoVersion, "platform": version.Platform}, nil
}

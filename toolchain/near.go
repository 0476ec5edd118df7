package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// nearest are the candidates that a slip of the keys could have meant, the best first, three at most.
func nearest(name string, candidates []string) []string {
	type scored struct {
		name     string
		distance int
	}
	var found []scored
	for _, candidate := range candidates {
		if candidate == name || candidate == "" {
			continue
		}
		distance := slips(strings.ToLower(name), strings.ToLower(candidate))
		if distance <= min(len(name), len(candidate))/3 {
			found = append(found, scored{candidate, distance})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		return cmpAll(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	names := make([]string, 0, 3)
	for _, one := range found[:min(3, len(found))] {
		names = append(names, one.name)
	}
	return names
}

// slips counts insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). Case, and `-`
// for `_`, count for nothing.
func slips(a, b string) int {
	x := []rune(strings.ReplaceAll(a, "-", "_"))
	y := []rune(strings.ReplaceAll(b, "-", "_"))
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// schemaPaths lists the places of a JSON Schema where a property of that name stands: input.call.model.
func schemaPaths(schema any, at, name string, found map[string]bool, depth int) {
	object, ok := schema.(map[string]any)
	if !ok || depth > 12 {
		return
	}
	if properties, ok := object["properties"].(map[string]any); ok {
		for _, key := range slices.Sorted(maps.Keys(properties)) {
			if key == name {
				found[at+"."+key] = true
			}
			schemaPaths(properties[key], at+"."+key, name, found, depth+1)
		}
	}
	schemaPaths(object["items"], at+"[_]", name, found, depth+1)
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		if many, ok := object[word].([]any); ok {
			for _, one := range many {
				schemaPaths(one, at, name, found, depth+1)
			}
		}
	}
}

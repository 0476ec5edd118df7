// Reads bodies, base64 one a line, with Go's own encoding/json, and prints the digest of a canonical dump of each: see dump.ts.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

func text(value string) string {
	return `"` + hex.EncodeToString([]byte(value)) + `"`
}

func dump(value any) string {
	switch value := value.(type) {
	case nil:
		return "n"
	case bool:
		if value {
			return "t"
		}
		return "f"
	case json.Number:
		return "#" + value.String()
	case string:
		return text(value)
	case []any:
		items := make([]string, len(value))
		for i, item := range value {
			items[i] = dump(item)
		}
		return "[" + strings.Join(items, ",") + "]"
	case map[string]any:
		members := make([]string, 0, len(value))
		for name, member := range value {
			members = append(members, text(name)+":"+dump(member))
		}
		sort.Strings(members)
		return "{" + strings.Join(members, ",") + "}"
	}
	panic(fmt.Sprintf("%T", value))
}

func read(line string) (string, error) {
	body, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		return "", err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return "", err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return "", fmt.Errorf("something after the value")
	}
	sum := sha256.Sum256([]byte(dump(tree)))
	return hex.EncodeToString(sum[:]), nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	for lines.Scan() {
		digest, err := read(lines.Text())
		if err != nil {
			digest = "refused: " + err.Error()
		}
		fmt.Println(digest)
	}
}

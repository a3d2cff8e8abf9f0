// SPDX-License-Identifier: Apache-2.0

// A log that Kiln keeps, read by the Go project's own notes and tile client:
//
//	tlogjudge DIR OLD-CHECKPOINT VKEY
//	tlogjudge cosigned CHECKPOINT VKEY WITNESS-VKEY
//	tlogjudge ask DIR SIZE VKEY
//
// exits 1 with the reason when checkpoint, tiles, a record or the growth from the old checkpoint
// does not hold; when log or witness did not sign the checkpoint; and prints what a client posts
// to a witness that saw SIZE entries.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type tiles struct{ dir string }

func (t tiles) Height() int                     { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range want {
		// The checksum database keeps the height in its paths; tlog-tiles does not.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.dir, path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func open(path, vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	text, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	n, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, errors.New("not a checkpoint of this log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	copy(tree.Hash[:], root)
	return tree, err
}

func entry(dir string, index, size int64) ([]byte, error) {
	n, path := index/256, ""
	if size-n*256 < 256 {
		path = fmt.Sprintf(".p/%d", size-n*256)
	}
	data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("tile/entries/%03d%s", n, path)))
	if err != nil {
		return nil, err
	}
	for i := int64(0); ; i++ {
		length := int(data[0])<<8 | int(data[1])
		if i == index%256 {
			return data[2 : 2+length], nil
		}
		data = data[2+length:]
	}
}

func judge(dir, old, vkey string) error {
	tree, err := open(filepath.Join(dir, "checkpoint"), vkey)
	if err != nil {
		return err
	}
	before, err := open(old, vkey)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, tiles{dir})
	for i := int64(0); i < tree.N; i += 1 + tree.N/97 {
		data, err := entry(dir, i, tree.N)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(tree.N, i, reader)
		if err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(data)); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	growth, err := tlog.ProveTree(tree.N, before.N, reader)
	if err != nil {
		return err
	}
	return tlog.CheckTree(growth, tree.N, tree.Hash, before.N, before.Hash)
}

// A cosignature/v1 verifier for the note package, which brings none.
type witness struct {
	name string
	key  []byte
}

func (w witness) Name() string { return w.name }
func (w witness) KeyHash() uint32 {
	sum := sha256.Sum256(append([]byte(w.name+"\n"), w.key...))
	return binary.BigEndian.Uint32(sum[:])
}
func (w witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize || w.key[0] != 4 {
		return false
	}
	text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(ed25519.PublicKey(w.key[1:]), []byte(text), sig[8:])
}

func cosigned(path, vkey, by string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	parts := strings.SplitN(by, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	w := witness{parts[0], key}
	n, err := note.Open(text, note.VerifierList(log, w))
	if err != nil {
		return err
	}
	if len(n.Sigs) != 2 {
		return errors.New("not by both")
	}
	return nil
}

func ask(dir, size, vkey string) error {
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := open(filepath.Join(dir, "checkpoint"), vkey)
	if err != nil {
		return err
	}
	old, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return err
	}
	fmt.Printf("old %d\n", old)
	if old > 0 && old < tree.N {
		growth, err := tlog.ProveTree(tree.N, old, tlog.TileHashReader(tree, tiles{dir}))
		if err != nil {
			return err
		}
		for _, hash := range growth {
			fmt.Println(base64.StdEncoding.EncodeToString(hash[:]))
		}
	}
	fmt.Printf("\n%s", text)
	return nil
}

func main() {
	var err error
	switch args := os.Args; args[1] {
	case "ask":
		err = ask(args[2], args[3], args[4])
	case "cosigned":
		err = cosigned(args[2], args[3], args[4])
	default:
		err = judge(args[1], args[2], args[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Args[1] != "ask" {
		fmt.Println("it holds")
	}
}

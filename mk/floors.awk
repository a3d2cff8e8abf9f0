# Floors: an include may only go down, never sideways, and private headers stay in their room.
# usage: awk -f mk/floors.awk ROOM/FILE...   prints each violation, exits 1 if there was one
BEGIN {
	below["base"] = "base"
	below["trust"] = below["base"] " trust"
	below["repo"] = below["trust"] " repo"
	below["builder"] = below["repo"] " builder"
	below["images"] = below["repo"] " images"
	below["cli"] = below["builder"] " images cli"
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	n = split(FILENAME, part, "/")
	room = part[n - 1]
	target = $0
	sub(/^[^"]*"/, "", target)
	sub(/".*/, "", target)
	floor = target
	sub(/\/.*/, "", floor)
	if (!(room in below))
		next
	if ((" " below[room] " ") !~ (" " floor " ")) {
		print FILENAME ":" FNR ": " room "/ may not include " target
		bad = 1
	} else if (target ~ /_priv\.h$/ && floor != room) {
		print FILENAME ":" FNR ": " target " is private to " floor "/"
		bad = 1
	}
}
END { exit bad }

// SPDX-License-Identifier: GPL-2.0
/* The digest of a handler object, found without a kernel, as caretaker-verify does. */
#include "../../verifier-ext/user/object.h"
#include "digest.h"

int corpus_digest(const struct corpus_entry *e, unsigned char *digest)
{
	static struct object o;
	int err = object_open_mem(&o, e->start, (size_t)(e->end - e->start));

	if (!err)
		err = object_digest(&o, digest);
	object_close(&o);
	return err;
}

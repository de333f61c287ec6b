// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Types of the handlers' state go over kexecs with it, and the file that is written says how to
 * read it. A kexec is the state file mapped by a VM that knows nothing else; handlers are their
 * types.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../cvmm.h"
#include "../state.h"

#define STATE_BYTES	5000
#define VCPUS		2

/* Handlers as the kernel has them: @btf_len bytes of types, or an error. */
struct caretaker_handlers {
	int err;
	size_t btf_len;
	unsigned char seed;
};

static unsigned char state[STATE_BYTES];
static struct vm vm;
static char path[64];
static char why[256];
static unsigned int notes;

/* ---- in place of the kernel and of other files ---- */

int ioctl(int fd, unsigned long req, ...)
{
	return 0;
}

/* A header, 16 bytes of types, and names up to the end */
static void btf_make(const struct caretaker_handlers *h, unsigned char *btf)
{
	const uint32_t head[] = { 0x1eb9f, 24, 0, 16, 16, h->btf_len - 40 };

	memset(btf, h->seed, h->btf_len);
	memcpy(btf, head, sizeof(head));
	btf[40] = 0;
	btf[h->btf_len - 1] = 0;
}

static void type_make(const struct caretaker_handlers *h, struct caretaker_state_type *type)
{
	*type = (struct caretaker_state_type){
		.size = sizeof(*type), .version = CARETAKER_STATE_TYPE_VERSION, .nr = 1,
		.section = { { 0, 64 + h->seed, h->seed, ".bss" } },
	};
}

int caretaker_handlers_state_type(const struct caretaker_handlers *h,
				  struct caretaker_state_type *type, char *log, size_t size)
{
	type_make(h, type);
	return 0;
}

int caretaker_handlers_describe(const struct caretaker_handlers *h,
				struct caretaker_state_type *type, void **btf, size_t *btf_len,
				char *log, size_t size)
{
	*btf = NULL;
	*btf_len = 0;
	if (h->err) {
		snprintf(log, size, "some reason");
		return h->err;
	}
	type_make(h, type);
	*btf_len = h->btf_len;
	*btf = malloc(h->btf_len);
	btf_make(h, *btf);
	return 0;
}

int handlers_note(const struct caretaker_handlers *h, struct cvmm_state_handlers *s)
{
	type_make(h, &s->type);
	return 0;
}

int caretaker_get_state(int vcpu_fd, void **buf, size_t *len)
{
	*len = sizeof(state);
	*buf = malloc(*len);
	memcpy(*buf, state, *len);
	return 0;
}

const char *caretaker_strerror(int e)
{
	return strerror(-e);
}

int clock_save(struct vm *v, struct cvmm_state *s)
{
	return 0;
}

int state_vcpu_save(struct vcpu *v, struct cvmm_state_vcpu *s)
{
	s->tsc_khz = 1;
	return 0;
}

int state_vcpu_restore(struct vcpu *v, const struct cvmm_state_vcpu *s)
{
	return 0;
}

void err(const char *fmt, ...)
{
	printf("# %s\n", fmt);
}

void note(const char *fmt, ...)
{
	notes++;
}

/* ---- tests ---- */

static bool fresh(void)
{
	state_unmap(&vm);
	if (vm.state_fd > 0)
		close(vm.state_fd);
	memset(&vm, 0, sizeof(vm));
	vm.nr_vcpus = VCPUS;
	vm.caretaker = true;
	notes = 0;
	return !state_create(&vm);
}

static void install(struct caretaker_handlers *h)
{
	handlers_keep(&vm, h);
	vm.handlers = h;
}

/* Preserved, and adopted in the next kernel: the file is all that there is. */
static bool kexec(void)
{
	int fd;

	if (state_save(&vm))
		return false;
	fd = dup(vm.state_fd);
	state_unmap(&vm);
	close(vm.state_fd);
	memset(&vm, 0, sizeof(vm));
	vm.state_fd = fd;
	if (state_map(&vm))
		return false;
	vm.nr_vcpus = vm.state->nr_vcpus;
	vm.may_carry = true;
	return true;
}

static size_t file_read(unsigned char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size);

	close(fd);
	return n < 0 ? 0 : (size_t)n;
}

static bool write_it(bool raw)
{
	why[0] = 0;
	return !handlers_state_write(&vm, path, raw, why, sizeof(why));
}

/* The file has state and types of these handlers. */
static bool tells(const struct caretaker_handlers *h)
{
	static unsigned char file[CARETAKER_BTF_MAX + 16384], btf[CARETAKER_BTF_MAX];
	struct caretaker_state_record r;
	struct caretaker_state_type type;
	bool ok = write_it(false) && !why[0];

	ok = ok && !caretaker_state_unpack(file, file_read(file, sizeof(file)), &r, why,
					   sizeof(why));
	if (!ok)
		printf("# %s\n", why);
	btf_make(h, btf);
	type_make(h, &type);
	return ok && r.btf_len == h->btf_len && !memcmp(r.btf, btf, h->btf_len) &&
	       r.state_len == sizeof(state) && !memcmp(r.state, state, sizeof(state)) &&
	       !memcmp(&r.type, &type, sizeof(type));
}

/* It has the bytes alone, and @says why. */
static bool is_raw(bool asked, const char *says)
{
	unsigned char file[STATE_BYTES + 1];
	bool ok = write_it(asked) && file_read(file, sizeof(file)) == STATE_BYTES &&
		  !memcmp(file, state, STATE_BYTES) && (*says ? !!strstr(why, says) : !why[0]);

	if (!ok)
		printf("# %s\n", why);
	return ok;
}

static bool in_old_kernel(void)
{
	struct caretaker_handlers h = { .btf_len = 3000, .seed = 1 };

	install(&h);
	return tells(&h) && !state_save(&vm) && tells(&h) && !notes;
}

static bool in_next_kernel(void)
{
	struct caretaker_handlers h = { .btf_len = 3000, .seed = 1 };

	install(&h);
	return kexec() && tells(&h);
}

/* In each kernel other handlers, with more types and with less. */
static bool ten_kexecs(void)
{
	static const size_t len[] = { 3000, 70000, 100, 4088, 4089, 8192, 60, 70001, 2000, 50 };
	struct caretaker_handlers h[10];
	unsigned int i;
	bool ok = true;

	for (i = 0; i < 10 && ok; i++) {
		h[i] = (struct caretaker_handlers){ .btf_len = len[i], .seed = i };
		install(&h[i]);
		ok = tells(&h[i]) && kexec() && tells(&h[i]);
	}
	return ok && !notes;
}

static bool most_types(void)
{
	struct caretaker_handlers h = { .btf_len = CARETAKER_BTF_MAX, .seed = 1 };

	install(&h);
	return kexec() && tells(&h) && !notes;
}

static bool too_many_types(void)
{
	struct caretaker_handlers h = { .btf_len = 3000, .seed = 1 };

	install(&h);
	h.btf_len = CARETAKER_BTF_MAX + 1;
	install(&h);
	return notes == 1 && is_raw(false, "none are kept") && kexec() &&
	       is_raw(false, "none are kept");
}

static bool not_of_other_handlers(void)
{
	struct caretaker_handlers h = { .btf_len = 3000, .seed = 1 }, none = { .err = -EINVAL };

	install(&h);
	install(&none);
	if (notes != 1 || !is_raw(false, "none are kept: to read it name the object"))
		return false;
	install(&h);
	none.err = -ENODATA;
	install(&none);
	return notes == 1 && is_raw(false, "none are kept");
}

/* Its file ends behind the vCPUs, and it does not know more. */
static bool of_older_cvmm(void)
{
	struct caretaker_handlers h = { .btf_len = 3000, .seed = 1 };
	size_t before = vm.state_bytes;

	vm.handlers = &h;
	if (!kexec() || vm.state_bytes != before || !is_raw(false, "none are kept"))
		return false;
	install(&h);
	return vm.state_bytes > before && tells(&h) && kexec() && tells(&h);
}

static bool damaged(void)
{
	struct caretaker_handlers h = { .btf_len = 3000, .seed = 1 };
	struct cvmm_state_btf *s;
	size_t len;

	install(&h);
	if (!kexec())
		return false;
	s = (void *)((char *)state_btf_get(&vm, &len) - sizeof(*s));
	s->btf[0] ^= 1;
	if (!is_raw(false, "(BTF) are damaged"))
		return false;
	s->btf[0] ^= 1;
	s->bytes = 4089;		/* one more than there is room for */
	if (state_btf_get(&vm, &len) || !is_raw(false, "none are kept"))
		return false;
	s->bytes = ~0U;
	return !state_btf_get(&vm, &len) && is_raw(false, "none are kept");
}

/* The note of another library, or none at all */
static bool note_missing(void)
{
	struct caretaker_handlers h = { .btf_len = 3000, .seed = 1 };

	install(&h);
	if (!kexec())
		return false;
	vm.state->handlers.type.version++;
	if (!is_raw(false, "another version"))
		return false;
	vm.state->flags = 0;
	return is_raw(false, "noted none");
}

static bool as_bytes(void)
{
	struct caretaker_handlers h = { .btf_len = 3000, .seed = 1 };

	install(&h);
	return is_raw(true, "") && kexec() && is_raw(true, "");
}

static bool nothing_to_read(void)
{
	vm.caretaker = false;
	return !write_it(false) && strstr(why, "handler state: read: ");
}

/* A byte behind the vCPUs is no room for types; a file may not be endless. */
static bool length_checked(void)
{
	size_t len, before = vm.state_bytes;

	vm.state_bytes = before + 7;
	if (ftruncate(vm.state_fd, before + 7) || state_btf_get(&vm, &len))
		return false;
	vm.state_bytes = before;
	return !ftruncate(vm.state_fd, 1L << 30) && state_map(&vm) == -EPROTO;
}

static const struct {
	const char *name;
	bool (*run)(void);
} cases[] = {
	{ "types_are_written_with_the_state", in_old_kernel },
	{ "types_are_written_in_the_next_kernel", in_next_kernel },
	{ "types_go_over_ten_kexecs", ten_kexecs },
	{ "the_most_types_that_there_can_be_are_kept", most_types },
	{ "more_types_than_that_are_not_kept", too_many_types },
	{ "types_of_handlers_that_were_replaced_are_not_used", not_of_other_handlers },
	{ "file_of_an_older_cvmm_gives_bytes_then_takes_types", of_older_cvmm },
	{ "damaged_types_are_not_used", damaged },
	{ "without_its_sections_state_is_bytes", note_missing },
	{ "bytes_alone_are_written_when_asked_for", as_bytes },
	{ "without_a_caretaker_nothing_is_written", nothing_to_read },
	{ "length_of_the_file_is_checked", length_checked },
};

int main(void)
{
	unsigned int i, nr = sizeof(cases) / sizeof(cases[0]);
	int bad = 0, fd = memfd_create("file", MFD_CLOEXEC);

	if (fd < 0)
		return 2;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (i = 0; i < sizeof(state); i++)
		state[i] = (unsigned char)(i * 3);
	printf("KTAP version 1\n1..%u\n", nr);
	for (i = 0; i < nr; i++) {
		bool ok = fresh() && cases[i].run();

		printf("%sok %u %s\n", ok ? "" : "not ", i + 1, cases[i].name);
		bad |= !ok;
	}
	state_unmap(&vm);
	close(fd);
	return bad;
}

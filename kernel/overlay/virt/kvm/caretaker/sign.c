// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: signatures of payloads. They are those of modules: PKCS#7 appended to the file, by
 * a key that the kernel was built with or took over since.
 */
#include <linux/module_signature.h>
#include <linux/string.h>
#include <linux/verification.h>

#include "sign.h"

/**
 * caretaker_signature_check() - check the signature at the end of a file
 * @buf:	the file
 * @size:	its bytes; without the signature when there is one that could be read
 *
 * Context: may sleep.
 * Return: 0 when it holds, -ENODATA when there is none, else what is wrong with it: -ENOKEY for
 * a key that is not known, -ENOPKG for one that cannot be used.
 */
int caretaker_signature_check(const void *buf, size_t *size)
{
	const size_t marker = sizeof(MODULE_SIGNATURE_MARKER) - 1;
	struct module_signature ms;
	size_t len = *size, sig_len;
	int r;

	if (len <= marker || memcmp(buf + len - marker, MODULE_SIGNATURE_MARKER, marker))
		return -ENODATA;
	len -= marker;
	if (len <= sizeof(ms))
		return -EBADMSG;
	memcpy(&ms, buf + len - sizeof(ms), sizeof(ms));
	r = mod_check_sig(&ms, len, "caretaker payload");
	if (r)
		return r;
	sig_len = be32_to_cpu(ms.sig_len);
	len -= sig_len + sizeof(ms);
	*size = len;
	return verify_pkcs7_signature(buf, len, buf + len, sig_len, VERIFY_USE_SECONDARY_KEYRING,
				      VERIFYING_MODULE_SIGNATURE, NULL, NULL);
}

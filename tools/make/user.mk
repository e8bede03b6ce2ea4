# Native programs (user/*.c), static ELF files on the native interface of user/include.

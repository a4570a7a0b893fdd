"""Who works here, who may do what, and who is asking.

A *member of staff* is a person; with a username and a password they may sign in. Everyone has one *role*, which is a
set of permissions, and a set of branches. A *session* is one device on which a person is signed in: it lives on a chain
of refresh tokens, each good for one use, and hands out access tokens of fifteen minutes.

Nobody grants what they lack, nobody administers who may do more than they, and the last owner stays.
"""

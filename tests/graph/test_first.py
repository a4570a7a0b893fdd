from tests.graph.seed import bill
async def test_it(ask):
    d = await ask.data("{ bills(first: 3) { nodes { id total lines { id total taxRate quantity } customer { name phone } cost upiLink } totalCount pageInfo { hasNextPage endCursor } } }")
    print(d)
    d = await ask.data('{ day(date: "2026-11-03") { date billCount sales byStatus { status sales } } viewer { id permissions branches { name } } billByNumber(number:"B-1") { number } branches { name } }', "MANAGER")
    print(d)
    d = await ask('mutation($i: PostBillInput!) { postBill(input: $i) { __typename ... on PostBillSuccess { bill { id number status } lines { id } method postedAt } ... on Problem { message } } signIn(input: {username: "x"}) { viewer { id } } }', key="k"*16, i={"billId": bill(0)})
    print(d)

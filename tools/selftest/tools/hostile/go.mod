module lbcert.example/hostile

go 1.24
